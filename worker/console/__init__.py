"""The console: liveness, readiness and a read-only status page. Everything else comes with the full console."""
