/** Why a data set could not be had: lets a program tell "absent" (fall back) from "damaged" (stop). */
export type DatasetErrorCode = "not-found" | "offline" | "download-failed" | "unwritable" | "corrupt";

/** The files of a data set are missing, damaged or out of reach; `code` says which. */
export class DatasetError extends Error {
  override readonly name: string = "DatasetError";
  readonly code: DatasetErrorCode;

  constructor(code: DatasetErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The file is there, but it is not what its format promises. */
export function corrupt(file: string, problem: string, cause?: unknown): DatasetError {
  const remedy = "The file is damaged: delete it, then download it again";
  return new DatasetError("corrupt", `${file}: ${problem}. ${remedy}`, { cause });
}

/** The reason; `TypeError: fetch failed` keeps it in its cause. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  if (!(cause instanceof Error) || cause.message === "") return error.message;
  return error.message === "fetch failed" ? cause.message : `${error.message} (${cause.message})`;
}
