#include "central/cli/table.h"

#include <fmt/core.h>

#include <algorithm>

#include "core/printable.h"

namespace waybill::cli {

namespace {

/// Texts as they are, lists by commas, objects as "key value".
std::string cell_of(const nlohmann::json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return printable(value.get_ref<const std::string&>());
  if (!value.is_structured()) return value.dump();
  std::string out;
  for (const auto& [key, entry] : value.items()) {
    if (!out.empty()) out += ", ";
    out += value.is_array() ? cell_of(entry) : key + " " + cell_of(entry);
  }
  return out;
}

/// Characters, not bytes: continuation bytes of UTF-8 take no place.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void append_line(std::string& out, const std::vector<std::string>& cells,
                 const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    line += cells[i];
    line.append(widths[i] - width_of(cells[i]) + 2, ' ');
  }
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + "\n";
}

}  // namespace

std::string format_table(const std::vector<TableColumn>& columns, const nlohmann::json& rows) {
  if (rows.empty()) return "";
  std::vector<std::vector<std::string>> lines(1);
  std::vector<std::size_t> widths;
  for (const TableColumn& column : columns) {
    lines.front().push_back(column.title);
    widths.push_back(width_of(column.title));
  }
  for (const nlohmann::json& row : rows) {
    std::vector<std::string>& cells = lines.emplace_back();
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto found = row.find(columns[i].key);
      cells.push_back(found == row.end() ? "" : cell_of(*found));
      widths[i] = std::max(widths[i], width_of(cells.back()));
    }
  }
  std::string out;
  for (const auto& cells : lines) append_line(out, cells, widths);
  return out;
}

void print_rows(bool as_json, const std::vector<TableColumn>& columns, const nlohmann::json& rows,
                const char* when_none) {
  if (as_json) {
    fmt::print("{}\n", rows.dump(2));
  } else if (rows.empty()) {
    fmt::print("{}\n", when_none);
  } else {
    fmt::print("{}", format_table(columns, rows));
  }
}

}  // namespace waybill::cli
