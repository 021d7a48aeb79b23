/** MNIST and the data sets made to its measure, a row each; checksums as torchvision's. */
import type { RemoteFile } from "./files.ts";

export interface Family {
  readonly name: string;
  /** Addresses that file names are appended to, asked in order. */
  readonly mirrors: readonly string[];
  readonly classes: readonly string[];
  readonly train: { readonly images: RemoteFile; readonly labels: RemoteFile };
  readonly test: { readonly images: RemoteFile; readonly labels: RemoteFile };
}

type Sums = readonly (readonly [md5: string, size: number])[];

const names = ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];

/** The four files are named alike in every family; `sums` are theirs, in the order of `names`. */
function family(name: string, mirrors: readonly string[], classes: readonly string[], sums: Sums): Family {
  const files = names.map((file, i) => ({ name: `${file}-ubyte.gz`, md5: sums[i]![0], size: sums[i]![1] }));
  const [trainImages, trainLabels, testImages, testLabels] = files as [RemoteFile, RemoteFile, RemoteFile, RemoteFile];
  const train = { images: trainImages, labels: trainLabels };
  return { name, mirrors, classes, train, test: { images: testImages, labels: testLabels } };
}

export const mnist: Family = family(
  "MNIST",
  ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"],
  "zero one two three four five six seven eight nine".split(" ").map((word, digit) => `${digit} - ${word}`),
  [
    ["f68b3c2dcbeaaa9fbdd348bbdeb94873", 9912422],
    ["d53e105ee54ea40749a09fcbcd1e9432", 28881],
    ["9fb629c4189551a2d022fa330f9573f3", 1648877],
    ["ec29112dd5afa0611ce80d1b7f02629c", 4542],
  ],
);

export const fashionMnist: Family = family(
  "FashionMNIST",
  ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"],
  ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
  [
    ["8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26421880],
    ["25c81989df183df01b3e8a0aad5dffbe", 29515],
    ["bef4ecab320f06d8554ea6380940ec79", 4422102],
    ["bb300cfdad3c16e7a12a480ee83cd310", 5148],
  ],
);

export const kmnist: Family = family(
  "KMNIST",
  ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
  ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
  [
    ["bdb82020997e1d708af4cf47b453dcf7", 18165135],
    ["e144d726b3acfaa3e44228e80efcd344", 29497],
    ["5c965bf0a639b31b8f53240b1b52f4d7", 3041136],
    ["7320c461ea6c1c855c0b718fb2a4b134", 5120],
  ],
);

export const families: readonly Family[] = [mnist, fashionMnist, kmnist];
