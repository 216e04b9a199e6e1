// How a knob's travel, 0 to 1, becomes a value and back: the same laws as rtspec/control/curves.py.

import { clamp } from "./dom.js";

const STEEPNESS = Math.log(100);

export function toValue(p, position) {
  const { curve, minimum: low, maximum: high } = p;
  if (position >= 1 || position <= 0) return position >= 1 ? high : low;
  if (curve === "switch") return position >= 0.5 ? high : low;
  if (curve === "log" && low > 0) return low * (high / low) ** position;
  if (curve === "volume") return clamp(high + 40 * Math.log10(position), low, high);
  const share = curve === "exp" ? Math.expm1(STEEPNESS * position) / Math.expm1(STEEPNESS) : position;
  return low + share * (high - low);
}

export function toPosition(p, value) {
  const { curve, minimum: low, maximum: high } = p;
  if (high === low) return 0;
  const at = clamp(value, low, high);
  if (curve === "log" && low > 0) return Math.log(at / low) / Math.log(high / low);
  if (curve === "volume") return at > low ? 10 ** ((at - high) / 40) : 0;
  const share = (at - low) / (high - low);
  if (curve === "exp") return Math.log1p(share * Math.expm1(STEEPNESS)) / STEEPNESS;
  return curve === "switch" ? (share >= 0.5 ? 1 : 0) : share;
}
