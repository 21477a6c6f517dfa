// Starts Swagger UI. A file of its own, because the page's Content-Security-Policy forbids inline scripts.
// `validatorUrl: null`: otherwise Swagger UI sends the document's address to validator.swagger.io.
window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
