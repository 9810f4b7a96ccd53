#include "central/standin/upload_body.h"

#include <Poco/Net/MediaType.h>
#include <Poco/Net/MessageHeader.h>
#include <Poco/Net/MultipartReader.h>
#include <Poco/Net/NetException.h>

#include <algorithm>
#include <istream>
#include <vector>

#include "central/standin/storage_error.h"

namespace waybill::standin {

namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} * 1024;
constexpr std::size_t kFieldMaxBytes = std::size_t{1024} * 1024;
constexpr std::int64_t kChunkedMaxBytes = std::int64_t{5} * 1024 * 1024 * 1024;
constexpr const char* kDefaultMimetype = "application/octet-stream";
constexpr const char* kDefaultCacheControl = "no-cache";
constexpr int kPartsMax = 16;

[[noreturn]] void refuse_size() {
  refuse_storage(kEntityTooLarge, "The object exceeded the maximum allowed size");
}

/// Does "text/*" or "text/csv" of the bucket's list allow this type?
bool is_allowed(const std::string& mimetype, const nlohmann::json& allowed) {
  const std::string type = mimetype.substr(0, mimetype.find(';'));
  return std::any_of(allowed.begin(), allowed.end(), [&](const nlohmann::json& one) {
    if (!one.is_string()) return false;
    const std::string pattern = one.get<std::string>();
    if (pattern == "*/*" || pattern == type) return true;
    return pattern.ends_with("/*") &&
           type.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1));
  });
}

/// JSON text of an object; what is none is ignored.
nlohmann::json object_or_null(const std::string& text) {
  nlohmann::json value = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  return value.is_object() ? value : nlohmann::json(nullptr);
}

std::int64_t pump(std::istream& from, std::int64_t limit_bytes,
                  const std::function<void(std::string_view)>& sink) {
  std::vector<char> block(kBlockBytes);
  std::int64_t size_bytes = 0;
  while (from) {
    from.read(block.data(), static_cast<std::streamsize>(block.size()));
    const std::streamsize count = from.gcount();
    size_bytes += count;
    if (size_bytes > limit_bytes) refuse_size();
    sink({block.data(), static_cast<std::size_t>(count)});
  }
  return size_bytes;
}

UploadFacts receive_raw(Request& request, const UploadRules& rules,
                        const std::function<void(std::string_view)>& sink) {
  UploadFacts out;
  out.mimetype = request.header("content-type");
  if (out.mimetype.empty()) out.mimetype = kDefaultMimetype;
  out.cache_control = request.header("cache-control");
  if (out.cache_control.empty()) out.cache_control = kDefaultCacheControl;
  out.user_metadata = read_user_metadata(request.header("x-metadata"));
  judge_type(out.mimetype, rules.allowed_mime_types);
  const auto& declared = request.body.declared_bytes;
  if (declared && *declared > rules.size_limit_bytes) refuse_size();
  const std::int64_t limit_bytes = declared ? rules.size_limit_bytes : kChunkedMaxBytes;
  out.size_bytes = pump(*request.body.stream, limit_bytes, sink);
  return out;
}

std::string read_field(std::istream& from) {
  std::string text;
  pump(from, kFieldMaxBytes, [&](std::string_view bytes) { text.append(bytes); });
  return text;
}

/// The parts of one form: fields are kept, the file goes to the sink.
class Form {
 public:
  Form(const UploadRules& rules, const std::function<void(std::string_view)>& sink)
      : rules_(rules), sink_(sink) {}

  void take_part(const Poco::Net::MessageHeader& header, std::istream& content) {
    std::string disposition;
    Poco::Net::NameValueCollection parameters;
    Poco::Net::MessageHeader::splitParameters(header.get("Content-Disposition", ""), disposition,
                                              parameters);
    const std::string name = parameters.get("name", "");
    if (parameters.has("filename") && !has_file_) {
      has_file_ = true;
      out_.mimetype = header.get("Content-Type", kDefaultMimetype);
      judge_type(out_.mimetype, rules_.allowed_mime_types);
      out_.size_bytes = pump(content, rules_.size_limit_bytes, sink_);
      return;
    }
    const std::string value = read_field(content);
    if (name == "cacheControl" && !value.empty()) out_.cache_control = "max-age=" + value;
    if (name == "metadata") out_.user_metadata = object_or_null(value);
  }

  UploadFacts finish() {
    if (!has_file_) refuse_storage(kInvalidRequest, "No content provided");
    if (out_.cache_control.empty()) out_.cache_control = kDefaultCacheControl;
    return out_;
  }

 private:
  const UploadRules& rules_;
  const std::function<void(std::string_view)>& sink_;
  UploadFacts out_;
  bool has_file_ = false;
};

UploadFacts receive_form(Request& request, const UploadRules& rules,
                         const std::function<void(std::string_view)>& sink) {
  Form form(rules, sink);
  bool last_boundary_seen = false;  // without it the file may be cut short
  try {
    const Poco::Net::MediaType type(request.header("content-type"));
    if (!type.hasParameter("boundary")) {
      refuse_storage(kInvalidRequest, "the form names no boundary");
    }
    Poco::Net::MultipartReader reader(*request.body.stream, type.getParameter("boundary"));
    for (int parts = 0; reader.hasNextPart(); ++parts) {
      if (parts == kPartsMax) refuse_storage(kInvalidRequest, "the form has too many parts");
      Poco::Net::MessageHeader header;
      reader.nextPart(header);
      form.take_part(header, reader.stream());
      last_boundary_seen =
          dynamic_cast<Poco::Net::MultipartInputStream&>(reader.stream()).lastPart();
    }
  } catch (const Poco::Exception&) {
    if (!request.body.is_complete()) throw ClientGone();
    refuse_storage(kInvalidRequest, "the form is malformed");
  }
  pump(*request.body.stream, static_cast<std::int64_t>(kFieldMaxBytes),
       [](std::string_view) {});  // what follows the last boundary
  if (!request.body.is_complete()) throw ClientGone();
  if (!last_boundary_seen) refuse_storage(kInvalidRequest, "the form is malformed");
  return form.finish();
}

}  // namespace

nlohmann::json read_user_metadata(const std::string& base64) {
  const std::optional<std::string> text = base64_decode(base64);
  return text ? object_or_null(*text) : nlohmann::json(nullptr);
}

void judge_type(const std::string& mimetype,
                const std::optional<nlohmann::json>& allowed_mime_types) {
  if (allowed_mime_types && !is_allowed(mimetype, *allowed_mime_types)) {
    refuse_storage(kInvalidMimeType, "mime type " + mimetype + " is not supported");
  }
}

UploadFacts receive_upload(Request& request, const UploadRules& rules,
                           const std::function<void(std::string_view)>& sink) {
  const bool is_form = request.header("content-type").starts_with("multipart/form-data");
  UploadFacts facts =
      is_form ? receive_form(request, rules, sink) : receive_raw(request, rules, sink);
  if (!request.body.is_complete()) throw ClientGone();
  return facts;
}

}  // namespace waybill::standin
