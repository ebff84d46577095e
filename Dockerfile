# A relay: `docker build -t rejoin . && docker run -p 8787:8787 -v rejoin:/data -e REJOIN_AUTH_SECRET=... rejoin`
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY tools ./tools
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts && rm -rf node_modules/node-linux-*

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production REJOIN_HOST=0.0.0.0 REJOIN_DATA=/data
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8787
# It refuses to listen outside of loopback without REJOIN_AUTH_SECRET, REJOIN_AUTH_SECRET_FILE or REJOIN_AUTH_KEYS.
HEALTHCHECK --interval=10s --timeout=3s CMD ["node", "-e", "fetch('http://127.0.0.1:8787/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/server/cli.js", "relay"]
