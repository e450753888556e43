# filmcolor on the processor. Build it in a copy of the source:
#
#   docker build -t filmcolor .
#   docker run --rm -v "$PWD:/films" filmcolor run old_film.mp4
#
# docs/containers.md tells more.
FROM python:3.12-slim AS build
WORKDIR /source
# PyTorch from its own index is the build without CUDA: 200 MB in place of 3 GB.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY filmcolor filmcolor
RUN python -m venv /opt/filmcolor \
    && /opt/filmcolor/bin/pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" ".[heic,openvino]"

FROM python:3.12-slim
