#!/usr/bin/env bash
# A client of `emoscope serve` with curl.
#
#   ./client.sh "i feel so happy" "leave me alone"
#   ./client.sh --csv reviews.csv text > scored.csv
#
# EMOSCOPE_URL is the server's address. EMOSCOPE_API_KEY is sent if it is set.
set -euo pipefail

url=${EMOSCOPE_URL:-http://127.0.0.1:8000}
curl=(curl --silent --show-error --fail-with-body --retry 3 --max-time 60)
if [ -n "${EMOSCOPE_API_KEY:-}" ]; then curl+=(--header "Authorization: Bearer $EMOSCOPE_API_KEY"); fi

if [ "${1:-}" = --csv ]; then
  # The table is streamed in and out, so it can have any number of rows.
  exec "${curl[@]}" --max-time 0 --header "Content-Type: text/csv" --upload-file "$2" --request POST \
    --url-query "text_column=$3" "$url/v1/score"
fi

# The texts as a JSON list; jq could make it too.
quoted=()
for text in "$@"; do
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  quoted+=("\"$text\"")
done
body="{\"texts\": [$(IFS=,; echo "${quoted[*]}")]}"
"${curl[@]}" --header "Content-Type: application/json" --data-binary "$body" "$url/v1/predict"
