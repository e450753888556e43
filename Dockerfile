# filmcolor for processors. In a copy of the source:
#
#   docker build -t filmcolor .
#   docker run --rm -v "$PWD:/films" filmcolor run old_film.mp4
#
# docs/containers.md tells more; Dockerfile.cuda is the one for NVIDIA graphics cards.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim-bookworm AS build
# PyTorch from its own index comes without CUDA: 200 MB in place of 3 GB.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN python -m venv /opt/filmcolor \
    && /opt/filmcolor/bin/pip install --no-cache-dir --index-url "$TORCH_INDEX" "torch>=2.8,<2.14"
WORKDIR /source
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY filmcolor filmcolor
RUN /opt/filmcolor/bin/pip install --no-cache-dir ".[heic,openvino]"

FROM python:${PYTHON}-slim-bookworm
# What OpenCV loads; of these the newest that the base has are the right ones.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --no-create-home filmcolor
COPY --from=build /opt/filmcolor /opt/filmcolor
COPY containers/health.py /opt/filmcolor/health.py
# Whoever runs it has a home that can be written to. The page of `filmcolor review` can be reached
# from outside the container, where its port is published.
ENV PATH=/opt/filmcolor/bin:$PATH \
    HOME=/tmp \
    FILMCOLOR_REVIEW_HOST=0.0.0.0 \
    FILMCOLOR_REVIEW_PORT=8080 \
    FILMCOLOR_REVIEW_NO_BROWSER=1
USER 1000
WORKDIR /films
EXPOSE 8080
HEALTHCHECK --start-period=60s CMD ["python", "/opt/filmcolor/health.py"]
ENTRYPOINT ["filmcolor"]
CMD ["--help"]
