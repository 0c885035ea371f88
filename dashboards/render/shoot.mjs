// node shoot.mjs URL PICTURE WIDTH HEIGHT: open a page, wait until every panel has its data, take a picture, say what went wrong.
import puppeteer from 'puppeteer-core';

const [url, picture, width, height] = process.argv.slice(2);
const faults = [];
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM, headless: true, protocolTimeout: 240000,
  args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--force-device-scale-factor=1'],
});
try {
  const page = await browser.newPage();
  await page.setViewport({width: +width, height: +height});
  page.on('pageerror', fault => faults.push(String(fault.stack ?? fault)));
  await page.goto(url, {timeout: 120000});
  const whole = () => window.report?.expected?.every(title => ['Done', 'Error'].includes(window.report.panels[title]?.state));
  await page.waitForFunction(whole, {timeout: 60000, polling: 300}).catch(fault => faults.push(`not every panel has data: ${fault.message}`));
  // What was drawn last has still to settle.
  await new Promise(resolve => setTimeout(resolve, 1500));
  const report = await page.evaluate(() => window.report);
  await page.screenshot({path: picture});
  const failed = Object.entries(report.panels).filter(([, panel]) => panel.state === 'Error').map(([title]) => `${title}: failed`);
  const empty = Object.entries(report.panels).filter(([, panel]) => !panel.series).map(([title]) => title);
  console.log(JSON.stringify({faults: [...new Set([...faults, ...report.faults, ...failed])], empty}));
} finally {
  await browser.close();
}
