// The API's own page: Swagger UI over the OpenAPI document, as whom this browser is logged in.

import { askSession, csrfHeader } from "./session.js";

if ((await askSession()).role) {
  globalThis.SwaggerUIBundle({
    url: "/api/openapi.json",
    dom_id: "#docs",
    validatorUrl: null,
    requestInterceptor(request) {
      Object.assign(request.headers, csrfHeader());
      return request;
    },
  });
} else {
  location.replace("/#/login");
}
