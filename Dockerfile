# Makas runs from its sources: nothing is built.
FROM node:24-slim AS install
WORKDIR /makas
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:24-slim
WORKDIR /makas
ENV NODE_ENV=production NODE_COMPILE_CACHE=/makas/.cache
COPY --from=install /makas/node_modules ./node_modules
COPY package.json LICENSE ./
COPY src ./src
COPY plugins ./plugins
COPY config ./config
# Run once while the root is writable, to fill the compile cache; at run time it is only read.
RUN timeout 10 node src/bin.js serve --config config/makas.yaml || [ $? -eq 124 ] \
  && rm -rf var && mkdir var && chown -R node:node var .cache
USER node
EXPOSE 8080 9090
VOLUME /makas/var
HEALTHCHECK --interval=10s --timeout=2s --start-period=5s CMD ["node", "-e", "fetch('http://127.0.0.1:9090/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node handles SIGTERM itself, also as process 1: it drains and exits.
CMD ["node", "--max-semi-space-size=16", "src/bin.js", "serve", "--config", "config/makas.yaml"]
