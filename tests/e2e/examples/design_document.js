// Import leads from external system
const importLeads = async () => {
  const response = await fetch('https://mypremierplans.com/api/v1/external/leads/import', {
    method: 'POST',
    headers: {
      'Authorization': 'Bearer YOUR_API_KEY',
      'Content-Type': 'application/json'
    },
    body: JSON.stringify({
      source: 'salesforce',
      leads: leadData
    })
  });
  
  return response.json();
};

// Set up webhook listener
app.post('/api/webhooks/crm/salesforce', (req, res) => {
  const signature = req.headers['x-webhook-signature'];
  
  if (verifySignature(req.body, signature)) {
    processWebhook(req.body);
    res.status(200).send('OK');
  } else {
    res.status(401).send('Unauthorized');
  }
});
