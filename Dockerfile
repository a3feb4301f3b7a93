# The static binary on busybox, which has the wget that the health check needs.
FROM golang:1.26.8 AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build make build
RUN mkdir /data

FROM busybox:1.37.0-musl
LABEL org.opencontainers.image.title="intranet_exporter" \
      org.opencontainers.image.description="Measures whether an intranet works, for Prometheus." \
      org.opencontainers.image.source="https://github.com/intranet-exporter/intranet_exporter" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/intranet_exporter /bin/
# A volume that is mounted here takes over its owner.
COPY --from=build --chown=65534:65534 /data /data

USER 65534:65534
EXPOSE 10042
HEALTHCHECK --interval=30s --timeout=5s --start-period=1m CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:10042/-/healthy"]
ENTRYPOINT ["/bin/intranet_exporter"]
CMD ["serve", "--config.file=/etc/intranet_exporter/intranet.yml", "--storage.path=/data"]
