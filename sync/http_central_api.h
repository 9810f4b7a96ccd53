// HttpCentralApi: the registry's functions over HTTPS, as PostgREST serves them.
//
// Place:    sync; over sync/http.
// Errors:   see central_api.h. A body {"code":"WB-...."} becomes that code of core's table; other
//           refusals are WB-1210, 429 and 5xx WB-1202, an answer that is no JSON of ours WB-1206.
#pragma once

#include <string>

#include "sync/central_api.h"
#include "sync/http/http_client.h"

namespace waybill {

struct CentralAddress {
  std::string project_url;      ///< "https://project.supabase.co", without a slash at the end
  std::string publishable_key;  ///< sent as apikey; not a secret
  std::string agent_token{};    ///< this agent's secret; empty before enrolment
};

class HttpCentralApi final : public CentralApi {
 public:
  HttpCentralApi(CentralAddress address, HttpOptions options);

  wire::EnrollAnswer enroll(const wire::EnrollRequest& request) override;
  wire::OpenJobAnswer open_job(const wire::OpenJobRequest& request) override;
  std::vector<wire::FileAnswer> renew_uploads(const std::vector<JobFileId>& files) override;
  std::vector<wire::FileAnswer> confirm_uploads(
      const std::vector<wire::ConfirmedFile>& files) override;
  std::vector<wire::FileAnswer> withdraw_files(
      const std::vector<wire::WithdrawnFile>& files) override;
  wire::CloseJobAnswer close_job(const JobKey& job_key, const std::string& reason) override;
  wire::SyncAnswer sync(const wire::SyncRequest& request) override;
  wire::InventoryAnswer inventory(std::int64_t after) override;

 private:
  wire::Json call(const std::string& function, const wire::Json& arguments);

  CentralAddress address_;
  HttpClient http_;
};

/// The error that a refusal of the registry means. Pure; `body` may be anything at all.
[[noreturn]] void throw_central_error(const std::string& function, const HttpResponse& response);

/// "120" or nothing in a Retry-After header, in milliseconds; 0 when absent or not a number.
[[nodiscard]] std::int64_t retry_after_ms(const HttpResponse& response);

}  // namespace waybill
