#include "core/read/row_builder.h"

#include <algorithm>
#include <utility>

namespace waybill {

namespace {

/// Room that short rows never outgrow.
constexpr std::size_t kPayloadBytesMin = std::size_t{16} * 1024;

}  // namespace

RowBuilder::RowBuilder(RowSink sink) : sink_(std::move(sink)) {}

void RowBuilder::start(ColumnMap map, const FileSpec& spec) {
  map_ = std::move(map);
  key_parts_.assign(spec.natural_key.size(), {});
  key_is_unique_ = spec.natural_key_unique;
  has_unique_columns_ = std::any_of(spec.columns.begin(), spec.columns.end(),
                                    [](const ColumnSpec& column) { return column.unique; });
  keys_bytes_ = 2;
  for (const MappedColumn& column : map_.columns()) count_key_bytes(column);
}

void RowBuilder::count_key_bytes(const MappedColumn& column) {
  keys_bytes_ += column.key_text.size() + column.value.overhead_bytes();
}

MappedColumn& RowBuilder::add_kept(const std::string& name) {
  MappedColumn& column = map_.add_kept(name);
  count_key_bytes(column);
  return column;
}

void RowBuilder::make_room(std::size_t needed) {
  payload_capacity_ = std::max(needed, kPayloadBytesMin);
  payload_ = std::make_unique<char[]>(payload_capacity_);
}

/// A part is the value as a person reads it: text itself, other types without JSON's quotes.
void RowBuilder::note_key_part(const MappedColumn& column, std::string_view text,
                               std::string_view json) {
  std::string& part = key_parts_[static_cast<std::size_t>(column.key_part)];
  key_is_null_ = false;
  if (column.value.spec().type == ColumnType::kText) {
    part = column.value.content(text);
  } else {
    part = json.starts_with('"') ? json.substr(1, json.size() - 2) : json;
  }
}

std::optional<std::string_view> RowBuilder::join_key() {
  if (key_is_null_) return std::nullopt;
  key_.clear();
  for (std::size_t i = 0; i < key_parts_.size(); ++i) {
    if (i > 0) key_.push_back(kNaturalKeySeparator);
    key_.append(key_parts_[i]);
  }
  return key_;
}

const MappedColumn* RowBuilder::column_of_long_key() {
  if (!key_may_be_long_) return nullptr;
  const std::optional<std::string_view> key = join_key();
  if (!key || key->size() <= kNaturalKeyBytesMax) return nullptr;
  const auto part = [&](const MappedColumn& column) {
    return column.key_part < 0 ? 0 : key_parts_[static_cast<std::size_t>(column.key_part)].size();
  };
  const auto& columns = map_.columns();
  return &*std::max_element(columns.begin(), columns.end(),
                            [&](const MappedColumn& left, const MappedColumn& right) {
                              return part(left) < part(right);
                            });
}

void RowBuilder::hand_over(std::int64_t source_row) {
  if (!sink_) return;
  *out_++ = '}';
  *payload_.get() = '{';  // over the first key's comma
  const std::string_view payload(payload_.get(), static_cast<std::size_t>(out_ - payload_.get()));
  sink_({source_row, join_key(), payload});
}

std::vector<ColumnSummary> RowBuilder::summary() const {
  std::vector<ColumnSummary> columns;
  for (const MappedColumn& column : map_.columns()) {
    columns.push_back({std::string(map_.field_name(column.field_index)), column.value.spec().to,
                       static_cast<std::int32_t>(column.field_index + 1), column.filled,
                       column.null});
  }
  return columns;
}

std::string value_problem(const MappedColumn& column, const ErrorCode& code) {
  if (&code == &error_code::kValueMissing) return "a value is required here";
  if (&code == &error_code::kValueUnlisted) return "the value is none that the file spec lists";
  if (&code == &error_code::kPatternMismatch) return "the value has not the form of the pattern";
  return "the value is not " + column.value.expectation();
}

}  // namespace waybill
