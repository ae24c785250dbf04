// The one place that reads the environment. It stands alone: a client command starts without the schema of the configuration.
export type Environment = Readonly<Record<string, string | undefined>>

/** The environment of this process. */
export function processEnvironment(): Environment {
  return { ...process.env }
}
