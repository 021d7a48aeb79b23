/** From a root or a source to a data set's arrays. */
import { fail, showValue } from "@dl/tensor";
import { platform } from "#platform";
import { corrupt, DatasetError } from "./errors.ts";
import { type Family, families } from "./families.ts";
import { type FileRequest, localNames, type NamedBytes, type Obtained, type RemoteFile } from "./files.ts";
import { isGzip } from "./gzip.ts";
import { type IdxArray, readIdx } from "./idx.ts";
import type { MNISTOptions, Root } from "./options.ts";

export interface Parts {
  readonly family: Family;
  readonly root: string;
  readonly images: IdxArray;
  readonly labels: IdxArray;
}

type AnyOptions = MNISTOptions<unknown, unknown>;

export async function loadParts(family: Family, root: Root | undefined, options: AnyOptions): Promise<Parts> {
  const split = family[options.train === false ? "test" : "train"];
  const request = requestFor(family, [split.images, split.labels], root, options);
  const obtained = options.source ? await fromSource(options.source, request) : await platform.obtain(request);
  const [imageFile, labelFile] = obtained.files as [NamedBytes, NamedBytes];
  for (const file of obtained.files) checkFamily(file, family);
  const [images, labels] = [
    await readIdx(imageFile.bytes, imageFile.path),
    await readIdx(labelFile.bytes, labelFile.path),
  ];
  checkForm(images, imageFile.path, "pictures", 3);
  checkForm(labels, labelFile.path, "labels", 1);
  if (images.shape[0] !== labels.shape[0]) {
    throw corrupt(
      labelFile.path,
      `has ${labels.shape[0]} labels for the ${images.shape[0]} pictures of ${imageFile.path}`,
    );
  }
  return { family, root: obtained.root, images, labels };
}

function requestFor(
  family: Family,
  needed: FileRequest["needed"],
  root: Root | undefined,
  { mirrors, download = false, progress = true, signal }: AnyOptions,
): FileRequest {
  const own = platform.mirror(family.name);
  return {
    dataset: family.name,
    root: root === undefined ? undefined : platform.folder(root),
    needed,
    all: filesOf(family),
    mirrors: (mirrors ?? (own === undefined ? family.mirrors : [own])).map((mirror) => mirror.replace(/\/*$/, "/")),
    download,
    progress,
    signal,
  };
}

function filesOf({ train, test }: Family): readonly RemoteFile[] {
  return [train, test].flatMap(({ images, labels }) => [images, labels]);
}

async function fromSource(source: NonNullable<AnyOptions["source"]>, request: FileRequest): Promise<Obtained> {
  const { dataset, needed, root = "the given source" } = request;
  const read = (name: string) => ("read" in source ? source.read(name) : source.get(name));
  const files = await Promise.all(
    needed.map(async (file) => {
      for (const path of localNames(file)) {
        const bytes = await read(path);
        if (!bytes) continue;
        if (bytes instanceof Uint8Array) return { path, bytes };
        fail(dataset, `the source gives ${showValue(bytes)} for ${path}, needs a Uint8Array`);
      }
      const remedy = `It should answer to one of ${localNames(file).join(", ")}`;
      throw new DatasetError("not-found", `${dataset}: the source has no ${file.name}. ${remedy}`);
    }),
  );
  return { root, files };
}

/** Files are named alike in every family, so those of another one may lie where these were looked for. */
function checkFamily({ path, bytes }: NamedBytes, { name }: Family): void {
  if (!isGzip(bytes)) return;
  const isThis = ({ size, md5 }: RemoteFile): boolean => size === bytes.length && md5 === platform.md5(bytes);
  const other = families.find((family) => family.name !== name && filesOf(family).some(isThis));
  if (!other) return;
  const remedy = `Use ${other.name}.load, or put ${name}'s files into a folder ${name}/raw below the root`;
  throw new DatasetError("corrupt", `${path}: holds ${other.name}, not ${name}. ${remedy}`);
}

function checkForm({ dtype, shape }: IdxArray, path: string, what: string, rank: number): void {
  if (dtype === "uint8" && shape.length === rank) return;
  throw corrupt(path, `holds ${dtype} of shape [${shape.join(", ")}], but ${what} are uint8 with ${rank} sizes`);
}
