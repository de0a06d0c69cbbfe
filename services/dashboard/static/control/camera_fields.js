// The fields of a camera: what each means, in plain words, and which kinds of source have it.

/** Kinds of sources. `has` are the fields that make sense for one. */
export const KINDS = {
  browser: {
    label: "This device's camera",
    text: "The webcam of this laptop, or the camera of this phone: its pictures go to Mien through this page.",
    has: [],
  },
  network: {
    label: "Network camera",
    text: "An IP camera with an RTSP or HTTP address.",
    example: "rtsp://user:password@10.0.0.5:554/stream1",
    help: "The camera's manual or its own web page names this address. The password stays on the server.",
    has: ["transport"],
  },
  file: {
    label: "File or folder",
    text: "A video, a picture, or a folder of pictures on the machine that Mien runs on.",
    example: "/home/me/visit.mp4",
    help: "The path as the machine sees it that Mien runs on, not the one you look from.",
    has: ["loop", "pace", "pan"],
  },
  webcam: {
    label: "Webcam of the server",
    text: "A camera that is plugged into the machine that Mien runs on.",
    example: "0",
    help: "0 is the first one, 1 the second; or a path such as /dev/video2.",
    has: [],
  },
};

/** Return the kind of a source. */
export function kindOf(source) {
  if (source === "browser") return "browser";
  if (/^[a-z]+:\/\//i.test(source)) return "network";
  return /^(\d+|\/dev\/.*)$/.test(source) ? "webcam" : "file";
}

export const NAME = {
  name: "name",
  label: "Name",
  kind: "text",
  required: true,
  pattern: "[a-z0-9_\\-]{1,40}",
  wrong: "Only lower-case letters, digits, - and _, at most 40.",
  help: "Lower-case letters, digits, - and _, such as door or desk-2. Results carry it; it can't be changed later.",
};

/** Tell whether a camera could be called so. */
export const isCameraName = (text) => new RegExp(`^${NAME.pattern}$`).test(text);

export const sourceField = (kind) => ({
  name: "source",
  label: kind === "network" ? "Address" : kind === "file" ? "Path" : "Camera",
  kind: "text",
  required: true,
  placeholder: KINDS[kind].example,
  help: KINDS[kind].help,
});

const READING = [
  {
    name: "fps",
    label: "Frames a second, at most",
    kind: "number",
    min: 0.1,
    max: 240,
    step: "any",
    placeholder: "as they come",
    help: "5 to 10 is enough to follow faces, and saves work.",
  },
  {
    name: "width",
    label: "Picture width in pixels, at most",
    kind: "number",
    min: 32,
    max: 8192,
    step: 1,
    placeholder: "as it comes",
    help: "Wider pictures are made smaller. Wide pictures show small faces better, and cost more work.",
  },
  {
    name: "rotate",
    label: "Turn the picture",
    kind: "select",
    numeric: true,
    options: [[0, "not at all"], [90, "90° clockwise"], [180, "upside down"], [270, "90° anticlockwise"]],
  },
  {
    name: "transport",
    label: "RTSP over",
    kind: "select",
    options: [["tcp", "TCP (most cameras)"], ["udp", "UDP"]],
  },
  { name: "loop", label: "Start again at the end", kind: "check", help: "A video or folder that never ends." },
  {
    name: "pace",
    label: "Pace",
    kind: "select",
    options: [
      ["auto", "as fits the source"],
      ["live", "live: the newest frame wins"],
      ["recorded", "recorded: every frame counts"],
    ],
  },
  { name: "pan", label: "Move a view over the picture", kind: "check", help: "For a single picture." },
  {
    name: "group",
    label: "Capture group",
    kind: "text",
    empty: "default",
    help: "Which capture process reads it; leave it at default unless you run several.",
  },
];

const FACES = [
  {
    name: "min_face",
    label: "Smallest face, in pixels",
    kind: "number",
    min: 4,
    max: 2048,
    step: 1,
    placeholder: "as the detector is set",
    help: "Narrower faces are left out. Below 48 pixels an emotion can hardly be read.",
  },
  {
    name: "max_face",
    label: "Largest face, in pixels",
    kind: "number",
    min: 4,
    max: 8192,
    step: 1,
    placeholder: "no limit",
    help: "Wider faces are left out: posters, or somebody at the lens.",
  },
  {
    name: "detect_every",
    label: "Look for faces in every n-th frame",
    kind: "number",
    min: 1,
    max: 100,
    step: 1,
    empty: 1,
    help: "1: in each. The others are not looked at; that saves work.",
  },
];

/** Return the fields of reading and of faces that a kind of source has. */
export function fieldsOf(kind) {
  const special = new Set(Object.values(KINDS).flatMap((entry) => entry.has));
  const fits = ({ name }) => !special.has(name) || KINDS[kind].has.includes(name);
  return { reading: READING.filter(fits), faces: FACES };
}

/** Return a first name for a camera of this source that none has yet. */
export function suggestName(kind, source, taken) {
  const words = { browser: "desk", network: "door", webcam: "desk", file: source.split("/").filter(Boolean).at(-1) };
  const stem = (words[kind] ?? "")
    .replace(/\.[^.]*$/, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 24);
  const base = stem || "camera";
  if (!taken.includes(base)) return base;
  let number = 2;
  while (taken.includes(`${base}-${number}`)) number += 1;
  return `${base}-${number}`;
}
