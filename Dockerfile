FROM python:3.12-slim
RUN useradd --create-home --uid 10001 pql && pip install --no-cache-dir "uv>=0.9,<1"
WORKDIR /app
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY settings settings
COPY connectors connectors
COPY worker worker
COPY Procfile ./
RUN uv sync --locked --no-dev --no-cache && mkdir /data && chown pql /data
ENV PATH=/app/.venv/bin:$PATH REMAP_SIGTERM=SIGQUIT PQL_LAKE=/data/lake HOST=0.0.0.0
USER pql
VOLUME /data
ENTRYPOINT ["pql"]
CMD ["up"]
