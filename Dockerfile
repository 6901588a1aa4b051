# One image for web, worker and beat: the command differs, the code does not.
FROM python:3.11-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
# Dependencies first: they change more rarely than the code, and this layer is the large one.
COPY pyproject.toml constraints.txt README.md ./
RUN mkdir cloud_images competition scoring starter_kit tamago_metric \
    && pip install --constraint constraints.txt '.[fields,site]' \
    && pip uninstall --yes tamago
COPY . .
# Now with the sources, so that the reader of submissions is compiled, in place.
RUN pip install --no-deps --editable .
# Secrets come at run time. Collecting static files needs the settings of production (hashed names), so it
# is told values that are good for nothing else.
RUN SECRET_KEY=build ALLOWED_HOSTS=build SITE_URL=http://build DATABASE_URL=sqlite:////tmp/build.sqlite3 \
        EMAIL_TO_CONSOLE=true DATA_DIR=/tmp/build python manage.py collectstatic --noinput \
    && python -m compileall -q cloud_images competition scoring starter_kit tamago_metric

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 tamago && install -d -o tamago -g tamago /data /releases
COPY --from=build /venv /venv
COPY --from=build --chown=root:root /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=competition.settings \
    DATA_DIR=/data RELEASES_DIR=/releases
USER tamago
VOLUME ["/data", "/releases"]
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "8", "competition.wsgi:application"]
