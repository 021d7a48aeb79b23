/** What a data set asks of the platform (Node or browser): bytes of named files, from a folder, a cache or a mirror. */
import type { AbortSignalLike } from "@dl/data";
import type { Root } from "./options.ts";

/** A file as it stands on the mirrors. */
export interface RemoteFile {
  /** With `.gz`; the unpacked file of the same name without it is accepted from a folder. */
  readonly name: string;
  readonly md5: string;
  readonly size: number;
}

export interface NamedBytes {
  /** Where the bytes came from, for errors. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Bytes by name: an archive, OPFS… `undefined` means "not here". No data set opens a file itself. */
export interface Source {
  read(name: string): Promise<Uint8Array | undefined> | Uint8Array | undefined;
}

/** Told how downloads go; the default one in Node draws a bar for each file. What it throws ends the download. */
export interface DownloadReporter {
  /** Another download of the file is under way, or was killed, which is noticed after so many seconds. */
  wait?(path: string, seconds: number): void;
  /** A mirror is asked for the file; the answer may take a while. */
  ask?(url: string): void;
  /** A transfer begins; `received` bytes of it are already here. */
  start(file: { readonly url: string; readonly total: number; readonly received: number }): void;
  /** So many bytes of the file are here now. */
  advance(received: number): void;
  /** The transfer ended, with the reason if it failed. */
  stop(failure?: { readonly url: string; readonly reason: string }): void;
}

export interface FileRequest {
  /** The data set's name: errors begin with it, and files lie in `<root>/<dataset>/raw`. */
  readonly dataset: string;
  /** The user's folder (in browsers: an address). */
  readonly root: string | undefined;
  /** The files to read, and the set they are downloaded with. */
  readonly needed: readonly RemoteFile[];
  readonly all: readonly RemoteFile[];
  readonly mirrors: readonly string[];
  readonly download: boolean;
  readonly progress: boolean | DownloadReporter;
  /** An `AbortSignal`, which the user's compiler need not know. */
  readonly signal: AbortSignalLike | undefined;
}

export interface Obtained {
  /** What prints as "Root location". */
  readonly root: string;
  /** In the order of `needed`. */
  readonly files: readonly NamedBytes[];
}

/** One for Node, one for browsers; the package's `#platform` import picks. */
export interface Platform {
  obtain(request: FileRequest): Promise<Obtained>;
  /** A root as this platform names folders. */
  folder(root: Root): string;
  md5(bytes: Uint8Array): string;
  /** The address that the user wants asked instead of a data set's own mirrors. */
  mirror(dataset: string): string | undefined;
}

/** The names under which a file is looked for: packed, unpacked, and unpacked as some archives spell it. */
export function localNames({ name }: RemoteFile): readonly string[] {
  const bare = name.replace(/\.gz$/, "");
  return [bare, name, bare.replace("-idx", ".idx")];
}

/** The folders of a root where a file may lie: as torchvision lays them out, or directly. */
export function subfolders(dataset: string): readonly string[] {
  return [`${dataset}/raw`, ""];
}
