// Where libFuzzer enters: one program a target, which WAYBILL_FUZZ_TARGET names.
#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  waybill::fuzz::WAYBILL_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
