// Which channels are shown.

const FIRST_CHANNELS = 8; // shown where nobody has chosen

export class ChannelChoice {
  constructor(settings, tell) {
    Object.assign(this, { settings, tell, nChannels: 0 });
  }

  // Those chosen, as far as the detector has them, or the first ones.
  get channels() {
    const wanted = this.settings.get("chosen").filter((channel) => channel < this.nChannels);
    return wanted.length ? wanted : [...Array(Math.min(this.nChannels, FIRST_CHANNELS)).keys()];
  }

  toggle(channel) {
    const { channels } = this;
    const others = channels.filter((other) => other !== channel);
    if (others.length === 0) return this.tell(`Channel ${channel} is the only one shown: show another one first`);
    return this.settings.set({ chosen: others.length < channels.length ? others : [...channels, channel].sort((one, other) => one - other) });
  }

  // All, or the active one alone.
  toggleAll() {
    const isAll = this.channels.length === this.nChannels;
    this.settings.set({ chosen: isAll ? [this.settings.get("active")] : [...Array(this.nChannels).keys()] });
  }
}
