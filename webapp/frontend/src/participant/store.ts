// Where answers wait until the server has them: IndexedDB, or memory where a browser denies it.

/** An answer on its way. `body` is posted as it is; the page token is added when it is sent. */
export interface Pending {
  uuid: string;
  session: string;
  index: number;
  body: Record<string, unknown>;
}

export interface Store {
  /** False if a closed page loses what is in here. */
  readonly durable: boolean;
  put(pending: Pending): Promise<void>;
  remove(uuid: string): Promise<void>;
  all(session: string): Promise<Pending[]>;
}

export class MemoryStore implements Store {
  readonly durable = false;
  private readonly kept = new Map<string, Pending>();

  async put(pending: Pending): Promise<void> {
    this.kept.set(pending.uuid, pending);
  }

  async remove(uuid: string): Promise<void> {
    this.kept.delete(uuid);
  }

  async all(session: string): Promise<Pending[]> {
    return inOrder([...this.kept.values()], session);
  }
}

const DATABASE = "lens-answers";
const TABLE = "pending";

export class IndexedStore implements Store {
  readonly durable = true;

  private constructor(private readonly database: IDBDatabase) {}

  static async open(): Promise<IndexedStore> {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(TABLE, { keyPath: "uuid" });
    };
    return new IndexedStore(await settled(request));
  }

  async put(pending: Pending): Promise<void> {
    const transaction = this.database.transaction(TABLE, "readwrite", { durability: "strict" });
    transaction.objectStore(TABLE).put(pending);
    await completed(transaction);
  }

  async remove(uuid: string): Promise<void> {
    const transaction = this.database.transaction(TABLE, "readwrite");
    transaction.objectStore(TABLE).delete(uuid);
    await completed(transaction);
  }

  async all(session: string): Promise<Pending[]> {
    const transaction = this.database.transaction(TABLE, "readonly");
    const rows = await settled<Pending[]>(transaction.objectStore(TABLE).getAll());
    return inOrder(rows, session);
  }
}

/** The durable store, or memory and the reason why not. */
export async function openStore(): Promise<{ store: Store; problem: string | null }> {
  try {
    return { store: await IndexedStore.open(), problem: null };
  } catch (error) {
    return { store: new MemoryStore(), problem: String(error) };
  }
}

function inOrder(rows: Pending[], session: string): Pending[] {
  return rows.filter((row) => row.session === session).sort((a, b) => a.index - b.index);
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("IndexedDB failed"));
  });
}

function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    const fail = () => reject(transaction.error ?? new Error("IndexedDB failed"));
    transaction.onerror = fail;
    transaction.onabort = fail;
  });
}
