#!/usr/bin/env bash
# Ask a running `emoscope serve` with curl.
#
#   ./client.sh "i feel so happy" "leave me alone"
#   ./client.sh --csv reviews.csv text > scored.csv
#
# EMOSCOPE_URL says where it is, EMOSCOPE_API_KEY is sent if it is set.
set -euo pipefail

url=${EMOSCOPE_URL:-http://127.0.0.1:8000}
ask=(curl --silent --show-error --fail-with-body --retry 3 --max-time 60)
if [ -n "${EMOSCOPE_API_KEY:-}" ]; then ask+=(--header "Authorization: Bearer $EMOSCOPE_API_KEY"); fi

if [ "${1:-}" = --csv ]; then
  # A table goes in and out as a stream: any number of rows.
  exec "${ask[@]}" --max-time 0 --header "Content-Type: text/csv" --upload-file "$2" --request POST \
    --url-query "text_column=$3" "$url/v1/score"
fi

# A list of texts as JSON; jq would do it too.
quoted=()
for text in "$@"; do
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  quoted+=("\"$text\"")
done
body="{\"texts\": [$(IFS=,; echo "${quoted[*]}")]}"
"${ask[@]}" --header "Content-Type: application/json" --data-binary "$body" "$url/v1/predict"
