// Quirk: a hook for what an agency's export does and no key of a file spec can say.
//
// Place:    central/channels, between the unpacked bytes and the reader of the spec's format. Each
//           quirk is a small class in quirks/, listed by name in quirk.cc.
// Owner:    one channel, one file, one thread.
// Rule:     a quirk turns the export's text into text that the spec describes. It keeps as many
//           line ends as it takes, so that a finding's line is the export's; byte offsets are those
//           of what it gives. What it does not know it hands on as it is: the reader refuses it
//           with its place, a quirk guesses nothing.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "central/channels/channel.h"

namespace waybill {

using ByteSink = std::function<void(std::string_view)>;

class Quirk {
 public:
  virtual ~Quirk() = default;
  virtual void feed(std::string_view bytes, const ByteSink& sink) = 0;
  virtual void finish(const ByteSink& sink) = 0;
};

/// The quirk that a file spec names; nullptr when there is none of the name.
[[nodiscard]] std::unique_ptr<Quirk> make_quirk(std::string_view name);

/// The names of all quirks.
[[nodiscard]] std::vector<std::string_view> quirk_names();

/// `content` fed through the spec's quirk. Throws WB-3110 when we have none of the name.
[[nodiscard]] std::unique_ptr<Channel> open_quirk(const FileSpec& spec,
                                                  std::unique_ptr<Channel> content);

}  // namespace waybill
