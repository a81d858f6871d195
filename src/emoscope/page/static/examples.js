// Example texts and an example table, all made up.

export const EXAMPLES = [
  ["Good news", "Finally got the job! I have been smiling all day."],
  ["In doubt", "It arrived broken, and nobody answers my letters. I am furious."],
  ["Ambiguous", "I feel so sweet today."],
  ["No emotion", "The report is due on Monday at 9:30."],
  [
    "A story",
    "We left before dawn and I was in the best of moods. The first hills were lovely, and we sang the whole way. " +
      "Then the path was gone. I was scared that we would have to spend the night out there. " +
      "Tom blamed me for the map, and that made me furious. We did not speak for an hour. " +
      "I felt so lonely and miserable, I could have cried. All at once there was a light behind the trees! " +
      "I could not believe my eyes: it was the hut. The old couple wrapped us in blankets and were so caring, so tender. " +
      "I fell asleep happy and thankful.",
  ],
];

const REVIEWS = [
  ["2024-03-01", "kettle", "I am so happy with this kettle, it makes every morning better."],
  ["2024-03-01", "lamp", "It arrived broken, and nobody answers my letters. I am furious."],
  ["2024-03-02", "tent", "I was scared the whole night that the poles would snap in the wind."],
  ["2024-03-02", "blanket", "I love how soft and tender it feels, my daughter hugs it all day."],
  ["2024-03-03", "kettle", "I did not expect that at all: it whistles a tune!"],
  ["2024-03-04", "lamp", "It was a gift of my late mother, and now it is gone. I feel empty."],
  ["2024-03-04", "tent", "Delighted. We slept like stones, and the rain stayed outside."],
  ["2024-03-05", "desk", "Order no. 4417, delivered on Tuesday."],
  ["2024-03-06", "desk", "How dare you charge me twice, \"by mistake\"? I am outraged."],
  ["2024-03-06", "blanket", "I miss the old one, this one makes me feel sad and cold."],
  ["2024-03-07", "lamp", "I am amazed at how bright it is, what a surprise."],
  ["2024-03-08", "kettle", "I feel nervous when it boils, the handle shakes."],
  ["2024-03-08", "tent", "I am thankful for the friendly people of the shop."],
  ["2024-03-09", "desk", "I feel sweet and cosy at it."],
  ["2024-03-10", "desk", "Disappointed and sad, the wood is only painted on."],
  ["2024-03-11", "blanket", "So caring of them to add a handwritten card, I adore it."],
  ["2024-03-12", "lamp", "The cable gets hot. I am afraid to leave it on."],
  ["2024-03-12", "kettle", "I hate the smell, it annoys me every single day."],
  ["2024-03-13", "tent", "I was stunned, it fits into a coat pocket."],
  ["2024-03-14", "desk", "I feel wonderful when I sit down to write."],
];

const quoted = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** The example table as a file. */
export const exampleFile = () =>
  new File(
    [[["date", "product", "review"], ...REVIEWS].map((row) => `${row.map(quoted).join(",")}\n`).join("")],
    "reviews.csv",
    { type: "text/csv" },
  );
