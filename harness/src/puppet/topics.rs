//! What a puppet says about topics, as the supervisor's convention has it.

/// The line that subscribes to a topic.
pub fn subscribe(topic: &str) -> String {
    serde_json::json!({"act": "subscribe", "topic": topic}).to_string()
}

/// The line that publishes a value, which is JSON text and passed on as it is.
pub fn publish(topic: &str, data: &str) -> String {
    format!("{{\"act\":\"publish\",\"topic\":{},\"data\":{data}}}", serde_json::Value::from(topic))
}
