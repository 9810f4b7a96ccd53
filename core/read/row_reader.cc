#include "core/read/row_reader.h"

#include <utility>

#include "core/error.h"
#include "core/read/field_rows.h"
#include "core/read/json_rows.h"

namespace waybill {

namespace {

std::unique_ptr<RecordRows> make_rows(const FileSpec& spec, RowSink sink,
                                      std::int64_t first_source_row) {
  switch (spec.format) {
    case FileFormat::kCsv:
      return std::make_unique<CsvRows>(spec, std::move(sink), first_source_row);
    case FileFormat::kFixedWidth:
      return std::make_unique<FixedWidthRows>(spec, std::move(sink), first_source_row);
    case FileFormat::kJsonLines:
      return std::make_unique<JsonRows>(spec, std::move(sink), first_source_row);
    case FileFormat::kSqlite:
    case FileFormat::kSqlDump:
      break;
  }
  throw Error(error_code::kInternal, "read", spec.file_tag.value, "a dump is no text of records");
}

}  // namespace

CsvDialect record_dialect(const FileSpec& spec) {
  if (spec.format == FileFormat::kCsv) return spec.dialect;
  return {'\0', std::nullopt, QuoteRule::kStrict};
}

RowReader::RowReader(const FileSpec& spec, RowSink sink, std::int64_t first_source_row)
    : rows_(make_rows(spec, std::move(sink), first_source_row)) {}
RowReader::~RowReader() = default;

void RowReader::set_quarantine(QuarantineSink sink) { rows_->set_quarantine(std::move(sink)); }
void RowReader::expect_rows(const RowCount& row_count) { rows_->expect_rows(row_count); }
void RowReader::feed(std::string_view bytes) { rows_->feed(bytes); }
void RowReader::finish() { rows_->finish(); }
const std::vector<Finding>& RowReader::findings() const { return rows_->findings(); }
const std::vector<std::string>& RowReader::header_names() const { return rows_->header_names(); }
FileForm RowReader::form() const { return rows_->form(); }
ReadSummary RowReader::summary() const { return rows_->summary(); }

}  // namespace waybill
