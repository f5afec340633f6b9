#!/bin/bash
# Stands in for helm. `template` prints a ConfigMap of the arguments and the values files that it was given, then the
# chart's templates with the release's name for RELEASE; `pull` copies a folder of $PULLED.
case $1 in
version)
  echo v3.0.0+g0
  ;;
pull)
  shift
  while [ $# -gt 0 ]; do
    case $1 in
    --untardir) folder=$2 && shift ;;
    --repo | --version) shift ;;
    --untar | --devel) ;;
    *) name=${1##*/} ;;
    esac
    shift
  done
  [ -d "$PULLED/$name" ] || { echo "no chart $name" >&2 && exit 1; }
  mkdir -p "$folder" && cp -r "$PULLED/$name" "$folder/$name"
  ;;
template)
  shift
  args=() values=() release=generated
  [ "$1" = --generate-name ] || release=$1
  while [ $# -gt 0 ]; do
    case $1 in
    -f) values+=("$2") && shift ;;
    "$PWD"/*) chart=${1#"$PWD"/} && args+=("$chart") ;;
    *) args+=("$1") ;;
    esac
    shift
  done
  printf 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\ndata:\n  args: |\n' "$release-${chart##*/}"
  printf '    %s\n' "${args[@]}"
  for at in "${!values[@]}"; do
    echo "  values-$at: |2"
    # The last line is ended where the file does not.
    sed 's/^/    /; $a\' "${values[$at]}"
  done
  for file in "$chart"/templates/*.yaml; do
    [ -f "$file" ] && echo "---" && sed "s/RELEASE/$release/g" "$file"
  done
  exit 0
  ;;
*)
  exit 1
  ;;
esac
