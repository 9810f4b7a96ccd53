// UnitDefinitions: a registry of units written as definitions, one a line, becomes a table.
//
// Place:    central/channels/quirks. Real example: the unit definitions that the Python package
//           pint ships (default_en.txt), whose lines read "inch = yard / 36 = in = inches  # note".
// Gives:    a line of TAB-separated fields for each unit: name, relation, modifiers (offset and the
//           like), symbol, aliases with blanks between. Everything else becomes an empty line:
//           comments, prefixes ("kilo- = 1e3"), dimensions ("[area] = ..."), aliases of units
//           defined elsewhere ("@alias"), and what stands in contexts, systems and defaults.
#pragma once

#include <string>
#include <string_view>

#include "central/channels/quirk.h"

namespace waybill {

class UnitDefinitions final : public Quirk {
 public:
  void feed(std::string_view bytes, const ByteSink& sink) override;
  void finish(const ByteSink& sink) override;

 private:
  void take_line(std::string_view line);
  void take_directive(std::string_view line);

  std::string line_;  ///< what of a line has come
  std::string out_;
  bool is_skipping_ = false;  ///< inside a block that defines no units
};

}  // namespace waybill
