# gmm-pipeline with its kernels compiled.
FROM python:3.11-slim
COPY . /opt/gmm_pipeline
RUN pip install --no-cache-dir "/opt/gmm_pipeline[demo,java,ui]"
# Compiles the kernels, for the kind of processor that the image is built on.
RUN cd /tmp && gmm-pipeline demo && rm -r /tmp/gmm_store
WORKDIR /data
ENTRYPOINT ["gmm-pipeline"]
