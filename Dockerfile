# syntax=docker/dockerfile:1
FROM node:26-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run -s build && npm prune --omit=dev

FROM node:26-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build --chown=node:node /app/package.json ./
COPY --from=build --chown=node:node /app/node_modules ./node_modules
COPY --from=build --chown=node:node /app/dist ./dist
COPY --chown=node:node config ./config
# The embedded registry's durable state. Mount a volume here, or what services registered is gone with the container.
RUN mkdir /app/data /app/state && chown node:node /app/data /app/state
VOLUME ["/app/data", "/app/state"]
USER node
# front, mesh, admin, registry, DNS. All but the first bind to loopback unless the config says otherwise.
EXPOSE 8080 4180 8081 8500 8600/tcp 8600/udp
HEALTHCHECK --interval=10s --timeout=2s --start-period=10s --retries=3 CMD ["node", "dist/main.js", "ready"]
# New objects stay in the cache of the core: docs/decisions/0025-new-objects-stay-in-the-cache.md.
# Node as PID 1 handles SIGTERM itself: not ready, drain, deregister, exit 0.
CMD ["node", "--max-semi-space-size=4", "dist/main.js", "run", "--config", "config/gateway.yaml"]
