// fixed_width: RowReader on lines whose columns are ranges of bytes.
//
// Input: the options of make_spec(), a byte each, the cuts' seed, then the file.
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/fuzz/fuzz_target.h"

namespace waybill::fuzz {

namespace {

using nlohmann::json;

constexpr std::array<const char*, 3> kEncodings = {"utf-8", "windows-1252", "iso-8859-1"};
constexpr std::array<const char*, 2> kOtherColumns = {"refuse", "ignore"};

FileSpec make_spec(Input& input) {
  // Ranges may leave gaps, overlap and come in any order; a partner's documentation has it so.
  const auto start = [&] { return 1 + input.take_byte() % 24; };
  const auto width = [&] { return 1 + input.take_byte() % 16; };
  const bool is_required = input.take_flag();
  json spec = {{"file_tag", "fuzz"},
               {"entity", "party"},
               {"file_name", "*"},
               {"format", "fixed_width"},
               {"encoding", input.take_choice(kEncodings)},
               {"header", input.take_flag()},
               {"other_columns", input.take_choice(kOtherColumns)},
               {"natural_key", {"code"}},
               {"columns",
                {{{"name", "code"},
                  {"to", "code"},
                  {"start", start()},
                  {"width", width()},
                  {"trim", true},
                  {"required", is_required}},
                 {{"name", "name"}, {"to", "name"}, {"start", start()}, {"width", width()}},
                 {{"name", "qty"},
                  {"to", "quantity"},
                  {"type", "decimal"},
                  {"trim", true},
                  {"start", start()},
                  {"width", width()}},
                 {{"name", "day"},
                  {"to", "day"},
                  {"type", "date"},
                  {"date_format", "%Y%m%d"},
                  {"trim", true},
                  {"start", start()},
                  {"width", width()}}}}};
  add_rules(input, false, spec);
  return parse_file_spec(spec);
}

}  // namespace

void fuzz_fixed_width(std::string_view bytes) {
  Input input(bytes);
  const FileSpec spec = make_spec(input);
  const unsigned cut_seed = input.take_byte();
  const std::string file = plant_markers(input.rest());
  claim_no_marker(spec, file, claim_same_in_cuts(spec, file, cut_seed));
}

}  // namespace waybill::fuzz
