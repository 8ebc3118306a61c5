// The public calls that a load is made of. Each is named for its route.

import http from 'k6/http';
import { nextPicture } from './pictures.js';
import { settings } from './settings.js';

const LONG_POLL_S = 30;
const REQUEST_TIMEOUT = '60s';

const headers = settings.apiKey ? { Authorization: `Bearer ${settings.apiKey}` } : {};

function get(path, name, responseType = 'text') {
  return http.get(`${settings.baseUrl}${path}`, asked(name, responseType));
}

function asked(name, responseType = 'text') {
  return { headers, responseType, timeout: REQUEST_TIMEOUT, tags: { name } };
}

export function upload() {
  const form = { file: http.file(nextPicture(), 'street.jpg', 'image/jpeg') };
  return http.post(`${settings.baseUrl}/upload`, form, asked('/upload'));
}

export function waitFor(jobId) {
  return get(`/status/${jobId}?wait=${LONG_POLL_S}`, '/status?wait');
}

export function fetchProcessed(imageId) {
  return get(`/images/${imageId}/processed`, '/images/processed', 'none');
}

export function ready() {
  return get('/ready', '/ready');
}

// One of the questions that users ask beside their uploads, by its name in `question_shares`.
export const questions = {
  status: (imageId) => get(`/status/${imageId}`, '/status'),
  browse: () => get('/images?limit=20', '/images'),
  words: () => get('/search?q=street', '/search?q'),
  similar: (imageId) => get(`/images/${imageId}/similar?k=5`, '/images/similar'),
  picture: () => {
    const form = { file: http.file(nextPicture(), 'street.jpg', 'image/jpeg'), k: '5' };
    return http.post(`${settings.baseUrl}/search`, form, asked('/search'));
  },
};
