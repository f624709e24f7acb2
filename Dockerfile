# The dashboard as a container:
#
#   docker build -t cnnviz .                                    PyTorch as the default index has it, for NVIDIA GPUs too
#   docker build -t cnnviz --build-arg TORCH_INDEX=URL .        PyTorch for CPUs alone; pytorch.org names the index
#   docker run --init -p 8501:8501 cnnviz                       serves the network: no training, no server folders
#   docker run --init --network host -v cnnviz:/srv/cnnviz cnnviz serve     for this machine alone, with everything
#   docker run --init --read-only --tmpfs /tmp -p 8501:8501 cnnviz          writes into /srv/cnnviz and /tmp alone
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS wheel
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheel .

FROM python:${PYTHON}-slim AS installed
ARG TORCH_INDEX=
COPY requirements.txt requirements.lock /
# every file with the hash that requirements.lock has; another index has other files of PyTorch
RUN python -m venv /opt/cnnviz \
    && if [ -z "$TORCH_INDEX" ]; then \
        /opt/cnnviz/bin/pip install --no-cache-dir --require-hashes -r /requirements.lock; \
    else \
        grep -E '^torch(vision)?[<>=]' /requirements.txt > /torch.txt \
        && /opt/cnnviz/bin/pip install --no-cache-dir --index-url "$TORCH_INDEX" -r /torch.txt; \
    fi
COPY --from=wheel /wheel /wheel
# with what reads ONNX: visitors may bring networks as such files
RUN /opt/cnnviz/bin/pip install --no-cache-dir "$(echo /wheel/*.whl)[onnx]"

FROM python:${PYTHON}-slim
COPY --from=installed /opt/cnnviz /opt/cnnviz
# Caches lie at home; weights/, runs/ and data/ are looked for in the working directory.
# They are made here so that a volume that is mounted over one of them belongs to this user, too.
RUN useradd --uid 1000 --home-dir /srv/cnnviz --create-home cnnviz \
    && cd /srv/cnnviz && install -d -o 1000 -g 1000 .cache weights runs data
ENV PATH=/opt/cnnviz/bin:$PATH HOME=/srv/cnnviz PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 STREAMLIT_SERVER_HEADLESS=true
WORKDIR /srv/cnnviz
VOLUME /srv/cnnviz
USER 1000:1000
EXPOSE 8501
HEALTHCHECK --start-period=120s --interval=30s --timeout=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/ready', timeout=4)"]
ENTRYPOINT ["cnnviz"]
CMD ["serve", "--public"]
