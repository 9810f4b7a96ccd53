// JsonRows: JSON lines. One object a line; its keys are the columns.
//
// Place:    core, behind RowReader; RecordRows cuts the lines, JsonScan reads them.
// Rule:     a listed key that a line does not have is null there, as exporters leave nulls out. A
//           number keeps its digits. Text takes any value: a nested one as the JSON it is.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/read/json_scan.h"
#include "core/read/record_rows.h"

namespace waybill {

class JsonRows final : public RecordRows {
 public:
  JsonRows(const FileSpec& spec, RowSink sink, std::int64_t first_source_row);

 private:
  /// A member of the open line, matched to a column.
  struct Value {
    std::string_view text;
    std::size_t offset = 0;        ///< in the line
    std::int64_t line_number = 0;  ///< the last line that had it
    ValueSource source = ValueSource::kText;
  };

  void take_header(const CsvRecord& record) override;
  void take_record(const CsvRecord& line, bool is_broken) override;
  void name_place(const CsvRecord& record, std::size_t offset, Finding& finding) const override;
  [[nodiscard]] bool read_members(const CsvRecord& line);
  [[nodiscard]] bool match_member(const CsvRecord& line, std::size_t member);
  [[nodiscard]] bool may_be_named(std::string_view key);
  [[nodiscard]] bool take_other_key(const CsvRecord& line, std::size_t offset,
                                    std::string_view key);
  [[nodiscard]] bool set_value(const CsvRecord& line, const JsonMember& member, std::size_t column);
  [[nodiscard]] std::string_view text_of(const CsvRecord& line, const JsonText& text);
  void write_row(const CsvRecord& line);
  void tell_renamed(const CsvRecord& line, std::size_t offset, std::string_view key);
  void find_key_problems(const CsvRecord& line);
  void find(const CsvRecord& line, std::size_t offset, const ErrorCode& code, std::string message,
            std::string_view column = {});

  std::vector<JsonMember> members_;
  std::vector<Value> values_;        ///< one a column
  std::vector<std::size_t> places_;  ///< of each member of the line before: its column
  std::unordered_map<std::string, std::size_t> columns_;  ///< by key
  std::set<std::string, std::less<>> other_keys_;         ///< unlisted ones that findings name
  std::set<std::string, std::less<>> renamed_;            ///< names of old that were not met yet
  std::size_t listed_found_ = 0;
  std::deque<std::string> unescaped_;  ///< of the open line; a deque keeps views to it alive
  std::size_t unescaped_used_ = 0;
};

}  // namespace waybill
