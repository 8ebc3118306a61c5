// JPEGs of which no two are alike: each has a comment of its own behind its first marker, and so another
// sha256, or the gateway would answer the second one with the result of the first.

import crypto from 'k6/crypto';
import { settings } from './settings.js';

const OWN = ['1', '2', '3', '4', '5', '6'].map((number) => `../pictures/street-${number}.jpg`);
const STAMP_BYTES = 16;
const COMMENT = [0xff, 0xfe, 0, STAMP_BYTES + 2];
const START_OF_IMAGE_BYTES = 2;
const STAMP_AT = START_OF_IMAGE_BYTES + COMMENT.length;

const paths = settings.picturePaths.length ? settings.picturePaths : OWN;
// k6 wants every file opened by the first reading of the script, and each virtual user holds what it opens:
// one of the pictures is enough for each of them.
const opened = __VU === 0 ? paths.map((path) => open(path, 'b')) : [open(paths[__VU % paths.length], 'b')];
const picture = withRoomForStamp(opened[0]);

function withRoomForStamp(buffer) {
  const jpeg = new Uint8Array(buffer);
  if (jpeg[0] !== 0xff || jpeg[1] !== 0xd8) throw new Error('PICTURES are JPEG files');
  const roomy = new Uint8Array(jpeg.length + COMMENT.length + STAMP_BYTES);
  roomy.set(jpeg.subarray(0, START_OF_IMAGE_BYTES));
  roomy.set(COMMENT, START_OF_IMAGE_BYTES);
  roomy.set(jpeg.subarray(START_OF_IMAGE_BYTES), STAMP_AT + STAMP_BYTES);
  return roomy;
}

// The same buffer each time, stamped anew: it is to be sent before the next one is asked for.
export function nextPicture() {
  picture.set(new Uint8Array(crypto.randomBytes(STAMP_BYTES)), STAMP_AT);
  return picture.buffer;
}
