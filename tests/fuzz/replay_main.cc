// fuzz_replay CORPUS: every kept input through its target, with any compiler.
//
// CORPUS holds a folder for each target, and each holds inputs; what is missing fails too.
#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "tests/fuzz/fuzz_target.h"

namespace {

using Target = void (*)(std::string_view);

constexpr std::array<std::pair<const char*, Target>, 6> kTargets = {{
    {"csv", waybill::fuzz::fuzz_csv},
    {"file_names", waybill::fuzz::fuzz_file_names},
    {"file_spec", waybill::fuzz::fuzz_file_spec},
    {"fixed_width", waybill::fuzz::fuzz_fixed_width},
    {"json_lines", waybill::fuzz::fuzz_json_lines},
    {"transcoding", waybill::fuzz::fuzz_transcoding},
}};

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// False: a claim did not hold. A sanitizer ends the program; the last name printed is the input.
bool replay(Target target, const std::filesystem::path& input) {
  std::cout << input.string() << std::endl;
  try {
    target(content_of(input));
    return true;
  } catch (const std::exception& error) {
    std::cout << "  does not hold: " << error.what() << '\n';
    return false;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path corpus = argc > 1 ? argv[1] : "";
  bool is_good = true;
  for (const auto& [name, target] : kTargets) {
    std::set<std::filesystem::path> inputs;
    if (std::filesystem::is_directory(corpus / name)) {
      for (const auto& entry : std::filesystem::directory_iterator(corpus / name)) {
        inputs.insert(entry.path());
      }
    }
    for (const std::filesystem::path& input : inputs) is_good &= replay(target, input);
    std::cout << name << ": " << inputs.size() << " inputs\n";
    is_good &= !inputs.empty();
  }
  return is_good ? 0 : 1;
}
