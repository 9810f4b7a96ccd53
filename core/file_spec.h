// FileSpec: what a file of one tag looks like and how its columns become an entity's payload.
//
// Place:    core; agent (preflight) and worker (staging) read files by it, so both always agree.
// Source:   config/agencies/<tenant>/<file_tag>.json; config/file-spec.schema.json describes it,
//           and a test holds that schema and parser know the same keys.
// Errors:   parse_file_spec() throws Error WB-3014 naming the place and what is allowed there.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/column_spec.h"
#include "core/ids.h"
#include "core/read/csv_reader.h"
#include "core/read/encoding.h"
#include "core/rules.h"

namespace waybill {

/// What happens to a column of the file that the spec does not list.
enum class OtherColumns : std::uint8_t {
  kRefuse,  ///< a finding WB-3010 (with a header) or WB-3005 (without)
  kIgnore,  ///< left out
  kKeep,    ///< goes into the payload as text under its own header name
};

/// How rows stand in the file.
enum class FileFormat : std::uint8_t {
  kCsv,         ///< records of delimited fields
  kJsonLines,   ///< one JSON object a line; columns are its keys
  kFixedWidth,  ///< one record a line; columns are byte ranges of it
  kSqlite,      ///< an SQLite database; the rows of one table, in the order of their rowid
  kSqlDump,     ///< SQL text with COPY or INSERT; the rows of one table, in order
};

/// What the file is wrapped in.
enum class Container : std::uint8_t { kNone, kGzip, kZip };

/// What a refused file means for the tenant.
enum class OnRefusal : std::uint8_t {
  kHalt,        ///< nothing else of the tenant is ingested until an operator has decided
  kQuarantine,  ///< the file is refused and shown; others go on
};

/// How many rows a file has; 0: no bound.
struct RowCount {
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::int64_t change_percent = 0;  ///< at most so far from the median of the recent files
};

/// Columns that together name a row of another entity (or of the same).
struct Reference {
  std::string entity;            ///< whose natural key it is
  std::vector<std::string> key;  ///< payload keys, in the order of that natural key's parts
};

struct FileSpec {
  FileTag file_tag;         ///< [a-z][a-z0-9_]{0,62}
  std::string entity;       ///< one of entity_names()
  std::string description;  ///< for people; may be empty
  std::string file_name;    ///< pattern on the base name: * ? [abc] [a-z] [!abc]
  std::string name_fields;  ///< date and chunk in the base name (core/name_fields.h); "" = none
  FileFormat format = FileFormat::kCsv;
  Container container = Container::kNone;
  std::string container_entry = "*";  ///< kZip: pattern that exactly one entry's name matches
  std::string table;                  ///< kSqlite, kSqlDump
  Encoding encoding = Encoding::kUtf8;
  CsvDialect dialect;
  bool header = true;  ///< the first record holds the columns' names
  std::vector<ColumnSpec> columns;
  OtherColumns other_columns = OtherColumns::kRefuse;
  std::vector<std::string> natural_key;  ///< payload keys whose values name the row; may be empty
  bool natural_key_unique = false;       ///< a key that an earlier row had is a finding WB-3021
  RowCount row_count;                    ///< of the whole file, not of its parts
  std::vector<Reference> references;     ///< central looks for a row with that key; WB-3026
  std::int64_t stale_after_hours = 0;    ///< an alert when no file came for so long; 0: none
  bool send_quarantined_rows = false;    ///< central keeps the rows set aside as an artifact
  RuleActions on_finding;
  std::int64_t split_rows = 0;   ///< a larger file travels in parts of so many rows; 0: no limit
  std::int64_t split_bytes = 0;  ///< ... of at most so many bytes (a longer row alone is a part)
  OnRefusal on_refusal = OnRefusal::kHalt;
  std::string
      quirk;  ///< name of a hook (central/channels/quirks) for what no key can say; "" = none
};

/// May files of the spec be cut into parts at row boundaries?
[[nodiscard]] bool is_splittable(const FileSpec& spec);

/// The staging tables: component, variant, recipe, recipe_line, party, uom_conversion.
[[nodiscard]] const std::vector<std::string>& entity_names();

/// A checked spec. Throws Error WB-3014; the message names the place ("columns[2].type"), what is
/// allowed, and for an unknown key the nearest known one.
[[nodiscard]] FileSpec parse_file_spec(const nlohmann::json& spec);

/// The same from JSON text; malformed JSON and a key given twice are WB-3014 too.
[[nodiscard]] FileSpec parse_file_spec_text(std::string_view text);

/// The spec as JSON with every key written out; parse_file_spec() of it gives the same spec.
[[nodiscard]] nlohmann::json to_json(const FileSpec& spec);

/// Does the partner's base name ("RECIPE_1.CSV") belong to the spec? ASCII case is ignored; `?`
/// and a set stand for one character, not one byte.
[[nodiscard]] bool matches_file_name(const FileSpec& spec, std::string_view base_name);

}  // namespace waybill
