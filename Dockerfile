# syntax=docker/dockerfile:1
FROM node:26-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY console ./console
RUN npm run build
RUN npm prune --omit=dev --omit=optional

FROM node:26-trixie-slim
LABEL org.opencontainers.image.title="Portcullis" \
      org.opencontainers.image.description="A gateway that drops the gate on every API at once" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The root file system is read-only (docker run --read-only); everything that is written lies in the one volume.
RUN mkdir -p /var/lib/portcullis && chown 65532:65532 /var/lib/portcullis
VOLUME /var/lib/portcullis
USER 65532:65532
ENV NODE_ENV=production
EXPOSE 8080 9080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9080/healthz').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--disable-warning=ExperimentalWarning", "dist/main.js"]
CMD ["serve", "--config", "/etc/portcullis/portcullis.yaml"]
