# Writes OUTPUT, a C++ file that holds the SQL files of FOLDER in the order of their names.
# Run as: cmake -DFOLDER=... -DOUTPUT=... -P embed_sql.cmake
file(GLOB scripts ${FOLDER}/*.sql)
list(SORT scripts)
set(entries "")
foreach(script ${scripts})
  get_filename_component(name ${script} NAME)
  file(READ ${script} text)
  string(APPEND entries "    {\"${name}\", R\"waybill_sql(${text})waybill_sql\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"central/cli/bootstrap.h\"\n\nnamespace waybill::cli {\n\n"
  "const std::vector<BootstrapScript>& bootstrap_scripts() {\n"
  "  static const std::vector<BootstrapScript> scripts{\n${entries}  };\n  return scripts;\n}\n\n"
  "}  // namespace waybill::cli\n")
