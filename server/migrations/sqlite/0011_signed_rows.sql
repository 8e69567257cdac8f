-- Rows that grant rights carry a MAC under a key of the server's: what was changed
-- or put there by something else counts as absent. Rows that are there already are
-- signed once, when the server is started for the first time after this.
ALTER TABLE users ADD COLUMN mac BLOB;
ALTER TABLE refresh_tokens ADD COLUMN mac BLOB;
ALTER TABLE service_tokens ADD COLUMN mac BLOB;
ALTER TABLE platform_connections ADD COLUMN mac BLOB;
ALTER TABLE platform_sessions ADD COLUMN mac BLOB;
ALTER TABLE download_credentials ADD COLUMN mac BLOB;
-- Over its fields as well.
ALTER TABLE credential_types ADD COLUMN mac BLOB;
ALTER TABLE projects ADD COLUMN mac BLOB;
ALTER TABLE project_members ADD COLUMN mac BLOB;
ALTER TABLE app_credential_projects ADD COLUMN mac BLOB;
