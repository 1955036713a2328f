/** Says which key of the configuration an address is from when it cannot be listened on. */
export async function keyed<T>(key: string, listening: Promise<T>): Promise<T> {
  try {
    return await listening;
  } catch (error) {
    throw new Error(`${key}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
