// Maps that Python has given of other layers: chosen again, one is there at once, and Python follows.

const MOST = 16; // maps, of about 150 KB each

/** Keep the map of `data`. They are of one photo, that is shown: of one that was forgotten there is none. */
export function keep(cam, data) {
  if (cam.kept?.photo !== data.stamp) cam.kept = { photo: data.stamp, maps: new Map() };
  const { maps } = cam.kept, name = `${data.question} ${data.layer}`;
  if (!data.question) return;
  maps.delete(name); // the newest is the last
  maps.set(name, data);
  if (maps.size > MOST) maps.delete(maps.keys().next().value);
}

/** The map of another layer that answers the question of the one that is shown; not where its scale or second one is missing. */
export function kept(cam, layer) {
  const { data, shown, look } = cam;
  if (data.second || look.shared || shown.target !== data.target || shown.method !== data.method) return null;
  return cam.kept?.maps.get(`${data.question} ${layer}`) ?? null;
}
