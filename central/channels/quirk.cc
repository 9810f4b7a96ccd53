#include "central/channels/quirk.h"

#include <array>
#include <utility>

#include "central/channels/quirks/unit_definitions.h"
#include "core/error.h"
#include "core/suggest.h"

namespace waybill {

namespace {

struct Entry {
  std::string_view name;
  std::unique_ptr<Quirk> (*make)();
};

/// Every quirk there is; docs/operating.md lists them.
constexpr std::array kQuirks = {
    Entry{"unit_definitions", [] { return std::unique_ptr<Quirk>(new UnitDefinitions); }},
};

class QuirkChannel final : public Channel {
 public:
  QuirkChannel(std::unique_ptr<Quirk> quirk, std::unique_ptr<Channel> content)
      : quirk_(std::move(quirk)), content_(std::move(content)) {}

  void set_quarantine(QuarantineSink sink) override { content_->set_quarantine(std::move(sink)); }
  void feed(std::string_view bytes) override {
    fed_bytes_ += static_cast<std::int64_t>(bytes.size());
    quirk_->feed(bytes, sink_);
  }
  void finish() override {
    if (std::exchange(finished_, true)) return;
    quirk_->finish(sink_);
    content_->finish();
  }
  [[nodiscard]] const std::vector<Finding>& findings() const override {
    return content_->findings();
  }
  [[nodiscard]] ReadSummary summary() const override {
    ReadSummary summary = content_->summary();
    summary.bytes = fed_bytes_;
    return summary;
  }

 private:
  std::unique_ptr<Quirk> quirk_;
  std::unique_ptr<Channel> content_;
  ByteSink sink_ = [this](std::string_view bytes) { content_->feed(bytes); };
  std::int64_t fed_bytes_ = 0;
  bool finished_ = false;
};

}  // namespace

std::unique_ptr<Quirk> make_quirk(std::string_view name) {
  for (const Entry& entry : kQuirks) {
    if (entry.name == name) return entry.make();
  }
  return nullptr;
}

std::vector<std::string_view> quirk_names() {
  std::vector<std::string_view> names;
  names.reserve(kQuirks.size());
  for (const Entry& entry : kQuirks) names.push_back(entry.name);
  return names;
}

std::unique_ptr<Channel> open_quirk(const FileSpec& spec, std::unique_ptr<Channel> content) {
  std::unique_ptr<Quirk> quirk = make_quirk(spec.quirk);
  if (quirk == nullptr) {
    throw Error(
        error_code::kQuirkUnknown, "read by file spec", spec.file_tag.value,
        "there is no quirk \"" + spec.quirk + "\"; there are: " + list_words(quirk_names()));
  }
  return std::make_unique<QuirkChannel>(std::move(quirk), std::move(content));
}

}  // namespace waybill
