# Writes schema/ledger/*.sql into one source file, so that the program carries its own schema.
function(embed_ledger_migrations folder output)
  file(GLOB files CONFIGURE_DEPENDS ${folder}/*.sql)
  list(SORT files)
  set(entries "")
  foreach(file ${files})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    get_filename_component(name ${file} NAME_WE)
    string(REGEX MATCH "^[0-9]+" digits ${name})
    math(EXPR version "1${digits} - 10000")  # four digits, never read as octal
    file(READ ${file} text)
    string(APPEND entries "      {${version}, \"${name}\", R\"ledger_sql(${text})ledger_sql\"},\n")
  endforeach()
  set(source "// Made from schema/ledger/*.sql by embed_migrations.cmake.
#include \"agent/ledger/migrations.h\"

namespace waybill {

const std::vector<LedgerMigration>& ledger_migrations() {
  static const std::vector<LedgerMigration> migrations = {
${entries}  };
  return migrations;
}

}  // namespace waybill
")
  file(GENERATE OUTPUT ${output} CONTENT "${source}")
endfunction()
