#include "agent/fetch/page_lines.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "core/error.h"

namespace waybill {

namespace {

using Json = nlohmann::json;
using Tokens = std::vector<std::string>;

/// The parts of a JSON pointer, unescaped.
Tokens tokens_of(std::string_view pointer) {
  Tokens out;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/') {
      out.emplace_back();
    } else if (pointer[i] == '~' && i + 1 < pointer.size()) {
      out.back() += pointer[++i] == '1' ? '/' : '~';
    } else {
      out.back() += pointer[i];
    }
  }
  return out;
}

/// Follows the parser through one answer: writes the rows out as it meets them, remembers the
/// cursor, and forgets the rest.
class PageHandler final : public nlohmann::json_sax<Json> {
 public:
  PageHandler(std::string_view fetch_name, const PageShape& shape)
      : fetch_name_(fetch_name), shape_(shape), rows_at_(tokens_of(shape.rows)) {
    if (shape.next) next_at_ = tokens_of(*shape.next);
  }

  PageLines finish() {
    if (!has_rows_) refuse(fmt::format("it has no list of rows at \"{}\"", shape_.rows));
    return std::move(out_);
  }

  bool null() override { return scalar("null", std::nullopt); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false", std::nullopt); }
  bool number_integer(number_integer_t value) override { return number(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return number(std::to_string(value)); }
  bool number_float(number_float_t /*value*/, const string_t& text) override {
    return number(text);
  }
  bool string(string_t& value) override { return scalar(Json(value).dump(), value); }
  bool binary(binary_t& /*value*/) override { return false; }  // never in JSON text

  bool start_object(std::size_t /*count*/) override { return open(false); }
  bool start_array(std::size_t /*count*/) override { return open(true); }
  bool end_object() override { return close('}'); }
  bool end_array() override { return close(']'); }
  bool key(string_t& name) override {
    Frame& frame = frames_.back();
    if (row_depth_ > 0) {
      if (frame.count > 0) out_.lines += ',';
      out_.lines += Json(name).dump() + ":";
    }
    ++frame.count;
    frame.key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t byte, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*failure*/) override {
    refuse(fmt::format("it is not JSON; look near byte {}", byte));
  }

 private:
  struct Frame {
    bool is_array = false;
    std::int64_t count = 0;
    std::string key{};
  };

  [[noreturn]] void refuse(const std::string& cause) const {
    throw Error(error_code::kFetchAnswerInvalid, "read answer of", fetch_name_, cause);
  }

  /// Does the value that comes now lie at `place`?
  [[nodiscard]] bool is_at(const Tokens& place) const {
    if (frames_.size() != place.size()) return false;
    for (std::size_t i = 0; i < place.size(); ++i) {
      const Frame& frame = frames_[i];
      if (place[i] != (frame.is_array ? std::to_string(frame.count) : frame.key)) return false;
    }
    return true;
  }
  /// Is the value that comes now an element of the list of rows?
  [[nodiscard]] bool is_row() const { return rows_open_ && frames_.size() == rows_at_.size() + 1; }

  void separate() {
    if (row_depth_ > 0 && frames_.back().is_array && frames_.back().count > 0) out_.lines += ',';
  }
  void count_element() {
    if (!frames_.empty() && frames_.back().is_array) ++frames_.back().count;
  }

  bool number(const std::string& text) { return scalar(text, text); }

  /// `as_cursor`: the value as a cursor, when it can be one.
  bool scalar(const std::string& text, const std::optional<std::string>& as_cursor) {
    if (row_depth_ > 0) {
      separate();
      out_.lines += text;
    } else if (is_row()) {
      refuse(fmt::format("row {} of it is not an object", out_.row_count + 1));
    } else if (is_at(rows_at_)) {
      refuse(fmt::format("what is at \"{}\" is not a list", shape_.rows));
    } else if (shape_.next && is_at(next_at_)) {
      out_.next = as_cursor;
      if (out_.next && out_.next->empty()) out_.next.reset();
    }
    count_element();
    return true;
  }

  bool open(bool is_array) {
    if (row_depth_ > 0) {
      separate();
      out_.lines += is_array ? '[' : '{';
      ++row_depth_;
    } else if (is_row()) {
      if (is_array) refuse(fmt::format("row {} of it is not an object", out_.row_count + 1));
      out_.lines += '{';
      row_depth_ = 1;
    } else if (is_at(rows_at_)) {
      if (!is_array) refuse(fmt::format("what is at \"{}\" is not a list", shape_.rows));
      if (has_rows_) refuse(fmt::format("the list at \"{}\" is there twice", shape_.rows));
      has_rows_ = rows_open_ = true;
    } else if (shape_.next && is_at(next_at_)) {
      refuse(fmt::format("what is at \"{}\" is not a cursor", *shape_.next));
    }
    frames_.push_back({is_array});
    return true;
  }

  bool close(char bracket) {
    frames_.pop_back();
    if (row_depth_ > 0) {
      out_.lines += bracket;
      if (--row_depth_ == 0) {
        out_.lines += '\n';
        ++out_.row_count;
      }
    } else if (rows_open_ && frames_.size() == rows_at_.size()) {
      rows_open_ = false;
    }
    count_element();
    return true;
  }

  std::string fetch_name_;
  const PageShape& shape_;
  Tokens rows_at_;
  Tokens next_at_{};
  std::vector<Frame> frames_{};
  std::size_t row_depth_ = 0;  ///< open brackets of the row that is being written
  bool rows_open_ = false;
  bool has_rows_ = false;
  PageLines out_{};
};

}  // namespace

PageLines read_page(std::string_view fetch_name, std::string_view body, const PageShape& shape) {
  PageHandler handler(fetch_name, shape);
  (void)Json::sax_parse(body, &handler);
  return handler.finish();
}

std::string json_pointer_problem(std::string_view pointer) {
  if (!pointer.empty() && pointer.front() != '/') {
    return "must be a JSON pointer: empty, or parts that each begin with /";
  }
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] != '~') continue;
    if (i + 1 == pointer.size() || (pointer[i + 1] != '0' && pointer[i + 1] != '1')) {
      return "must write ~ as ~0 (and / within a part as ~1)";
    }
  }
  return "";
}

}  // namespace waybill
