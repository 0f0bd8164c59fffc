// Trusted gives the addresses of scripts that the page may load by address: its two workers (client.go: trusted-types).
const workers: readonly string[] = ['/client/worker.js', '/client/blur/background.js']

const policy = (globalThis as { trustedTypes?: { createPolicy: (name: string, rules: { createScriptURL: (u: string) => string }) => { createScriptURL: (u: string) => string } } })
  .trustedTypes?.createPolicy('client', {
    createScriptURL: (u) => {
      if (!workers.includes(u)) throw new TypeError('trusted: no such worker')
      return u
    }
  })

export const scriptUrl = (u: string): string => policy?.createScriptURL(u) ?? u
