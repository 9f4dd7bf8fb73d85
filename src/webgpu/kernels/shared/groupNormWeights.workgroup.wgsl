// Of a kernel with all that it names; with total.wgsl, siluSlope.wgsl and sumAll.wgsl.

/** The gradients of a channel's weight and bias by a workgroup: with g = dy activate'(z), the sums over batch and plane of g (x - mean) rstd and of g. */
fn grad_weights(channel: u32, local: u32) {
  let length = PLANE;
  let group = channel / CHANNELS_PER_GROUP;
  let images = BATCH;
  let groups = GROUPS;
  let channels = GROUPS * CHANNELS_PER_GROUP;
  let scale = weight[channel];
  let shift = bias[channel];
  var sum = Lanes(0.0);
  var sum_h = Lanes(0.0);
  for (var n = 0u; n < images; n++) {
    let moments = stats[n * groups + group];
    let plane = (n * channels + channel) * length;
    for (var i = plane + local; i < plane + length; i += WORKGROUP_SIZE) {
      let h = (x[i] - moments.x) * moments.y;
      let g = dy[i] * slope(h * scale + shift);
      sum += g;
      sum_h += g * h;
    }
  }
  let sums = sum_all(local, vec2f(total(sum_h), total(sum)));
  if (local == 0u) {
    dweight[channel] = sums.x;
    dbias[channel] = sums.y;
  }
}
